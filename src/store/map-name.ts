/**
 * Names of maps in a file. LMDB finds a map by its name alone: one whose name is damaged would be
 * missing, and be made anew with nothing in it. So a name carries its checksum.
 */
import { crc32 } from 'node:zlib'

/** `name`, '.', and its CRC-32 in hexadecimal. */
export const storedName = (name: string): string =>
  `${name}.${crc32(Buffer.from(name, 'latin1')).toString(16).padStart(8, '0')}`

/** Undefined when it is not one that was stored. */
export function nameOf(stored: string): string | undefined {
  const name = stored.slice(0, -9)
  return storedName(name) === stored ? name : undefined
}
