/** A record that cannot follow from the state it meets: the journal or a fold is damaged. */
export class WorldError extends Error {
  override readonly name = 'WorldError'
}
