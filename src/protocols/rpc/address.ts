/** Without scope, and IPv4 as IPv4: what export lists name. */
export function plainAddress(address: string): string {
  const plain = address.split('%')[0] ?? ''
  return plain.startsWith('::ffff:') ? plain.slice(7) : plain
}
