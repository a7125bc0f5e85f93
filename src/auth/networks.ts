import { BlockList, isIP } from 'node:net'

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Which addresses a list of addresses and networks (`192.0.2.0/24`) lets in. Empty: all. */
export class AddressFilter {
  private readonly list: BlockList | undefined

  constructor(allow: readonly string[]) {
    if (allow.length === 0) return
    this.list = new BlockList()
    for (const network of allow) {
      const [address = '', prefix] = network.split('/')
      if (prefix === undefined) this.list.addAddress(address, family(address))
      else this.list.addSubnet(address, Number(prefix), family(address))
    }
  }

  allows(address: string): boolean {
    return this.list === undefined || this.list.check(address, family(address))
  }
}
