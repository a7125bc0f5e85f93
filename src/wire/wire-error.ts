/** The only error a decoder or encoder throws: the bytes (or the value) break the schema. */
export class WireError extends Error {
  override readonly name = 'WireError'
}
