/**
 * The options of shares as people set them: one table for the API's schemas, its document, and the
 * flags and help of dfsctl. What may be in them is decided in commands/shares/.
 */
import { defaultShareOptions, type ShareOptions } from '../projections/share.ts'

export type OptionName = keyof ShareOptions

export type OptionForm = { readonly description: string } & (
  | { readonly type: 'boolean' }
  | { readonly type: 'string'; readonly enum: readonly string[] }
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number }
  | {
      readonly type: 'array'
      readonly items: { readonly type: 'string'; readonly maxLength: number }
      readonly maxItems: number
    }
)

const flag = { type: 'boolean' } as const
const id = { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 } as const
const amount = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const oneOf = (...values: readonly string[]) => ({ type: 'string', enum: values }) as const
const addresses = {
  type: 'array',
  items: { type: 'string', maxLength: 64 },
  maxItems: 1000,
} as const

export const shareOptionForms: Readonly<Record<OptionName, OptionForm>> = {
  readOnly: { ...flag, description: 'Nothing can be changed.' },
  allow: {
    ...addresses,
    description: 'Addresses and networks (192.0.2.0/24) that may mount it; none: all may.',
  },
  squash: {
    ...oneOf('none', 'root', 'all'),
    description: 'Whose identity becomes the anonymous one.',
  },
  anonUid: { ...id, description: 'The anonymous user.' },
  anonGid: { ...id, description: 'The anonymous group.' },
  securePorts: { ...flag, description: 'Calls must come from a port below 1024.' },
  durability: {
    ...oneOf('durable', 'async'),
    description: 'Whether replies wait for the journal, or may be 10 ms ahead of it.',
  },
  audit: {
    ...oneOf('writes', 'all'),
    description: 'What is recorded: changes, refusals and mounts, or every operation.',
  },
  atime: {
    ...oneOf('relatime', 'none'),
    description: 'Whether reading changes access times, as Linux does by default.',
  },
  groups: {
    ...oneOf('client', 'server'),
    description: 'Whether supplementary groups are what calls claim or what users here are in.',
  },
  history: {
    ...oneOf('hidden', 'listed', 'off'),
    description: 'Whether past moments are found in .history at the root, and listed there.',
  },
  retain: { ...amount, description: 'How long past moments stay readable, in seconds.' },
  retainBytes: { ...amount, description: 'Bytes kept for the past alone; 0: what retain takes.' },
  quota: { ...amount, description: 'Bytes of content it may hold; 0: as much as there is.' },
  frozen: { ...flag, description: 'Changes wait until it is thawed.' },
}

export const optionNames = Object.keys(shareOptionForms) as readonly OptionName[]

/** What an option may be, in a few words. */
export function expected(name: OptionName): string {
  const form = shareOptionForms[name]
  switch (form.type) {
    case 'boolean':
      return 'true or false'
    case 'string':
      return form.enum.join(', ')
    case 'integer':
      return `a whole number from ${form.minimum} to ${form.maximum}`
    case 'array':
      return 'addresses such as 192.0.2.1 and networks such as 192.0.2.0/24'
  }
}

export const defaultOf = (name: OptionName): unknown => defaultShareOptions[name]
