import { Socket, type SocketConstructorOpts } from 'node:net'

/** Takes the bytes of a connection where it wants them. */
export interface Inlet {
  /** Where the next bytes should go. */
  room(): Buffer
  /** `size` bytes have come into `room`; false: read no more until the socket is resumed. */
  received(room: Buffer, size: number): boolean
  /** Bytes have come wherever the runtime put them. */
  push(bytes: Buffer): void
}

/**
 * Makes an accepted socket, which must be paused, read into the inlet's own memory, and returns the
 * socket to use from now on. Node has that for sockets that connect (`onread`), not for those that
 * a server accepts, so the connection is moved into a new one by its handle; where a version of
 * Node has none, each read gets memory of its own, as usual.
 */
export function receiveInto(accepted: Socket, inlet: Inlet): Socket {
  const own = accepted as unknown as { _handle: object | null | undefined }
  const handle = own._handle
  if (typeof handle !== 'object' || handle === null) {
    accepted.on('data', (bytes: Buffer) => inlet.push(bytes))
    accepted.resume()
    return accepted
  }
  own._handle = null
  accepted.destroy()
  const options: SocketConstructorOpts = {
    handle: handle as NonNullable<SocketConstructorOpts['handle']>,
    onread: {
      buffer: () => inlet.room(),
      callback: (size: number, room: Uint8Array) => inlet.received(room as Buffer, size),
    },
  }
  return new Socket(options)
}
