/** JSON schemas that several routes share, and the words to write others with. */
import { type OptionForm, optionNames, shareOptionForms } from './share-option-forms.ts'

type Schema = Readonly<Record<string, unknown>>
type Properties = Readonly<Record<string, Schema>>

export const text = { type: 'string' } as const
export const count = { type: 'integer', minimum: 0 } as const
export const flag = { type: 'boolean' } as const
export const listOf = (items: Schema) => ({ type: 'array', items }) as const

/** An object of exactly these properties. */
export const object = (properties: Properties, optional: readonly string[] = []) =>
  ({
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    properties,
  }) as const

const described = (schema: Schema, description: string): Schema => ({ ...schema, description })

/** Lone surrogates are no text: they would not come back from the journal as they went in. */
const WELL_FORMED = '^[^\\ud800-\\udfff]*$'

export const shareName = {
  type: 'string',
  minLength: 1,
  maxLength: 1024,
  pattern: WELL_FORMED,
  description: 'As clients mount it: an absolute path. In URLs its slashes are %2F.',
} as const

export const accountName = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  description: 'Letters, digits and . _ @ -, no . @ or - in front.',
} as const

export const accountNumber = { type: 'integer', minimum: 0, maximum: 2 ** 32 - 2 } as const
const accountNumbers = { type: 'array', items: accountNumber, maxItems: 1024 } as const

const id = described(count, 'Its number in the journal.')
const forms: Readonly<Record<string, OptionForm>> = shareOptionForms

const user = {
  name: accountName,
  uid: accountNumber,
  gid: described(accountNumber, 'Primary group.'),
  gids: described(accountNumbers, 'Supplementary groups.'),
}
const ownGroup = described(accountNumber, 'Primary group; left out, the number of the user.')
const group = { name: accountName, gid: accountNumber }

/** By name, as routes and the document refer to them. */
export const sharedSchemas = {
  ShareOptions: object(forms),
  ShareOptionChanges: object(forms, optionNames),
  Share: object({
    id,
    name: shareName,
    options: { $ref: 'ShareOptions#' },
    inodes: described(count, 'Files, directories and what else there is in it.'),
    bytes: described(count, 'Of content.'),
  }),
  User: object(user),
  NewUser: object({ ...user, gid: ownGroup }, ['gid', 'gids']),
  Group: object(group),
  Client: object({
    id,
    address: text,
    mounts: described(listOf(text), 'What it says it has mounted.'),
    since: { type: 'string', format: 'date-time', description: 'When it was first seen.' },
    connections: described(count, 'Open at this moment.'),
  }),
  Problem: {
    type: 'object',
    description: 'RFC 9457.',
    required: ['type', 'title', 'status', 'detail'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      detail: described(text, 'What happened, and what to do.'),
    },
  },
} as const satisfies Record<string, Schema>

export const ref = (name: keyof typeof sharedSchemas) => ({ $ref: `${name}#` }) as const

const problems = {
  description: 'It did not work: RFC 9457.',
  content: { 'application/problem+json': { schema: ref('Problem') } },
} as const

/** A response's schema, and that of everything that may go wrong instead. */
export const responses = (status: number, description: string, schema?: Schema) => ({
  [status]: schema === undefined ? { type: 'null', description } : { description, ...json(schema) },
  default: problems,
})

const json = (schema: Schema) => ({ content: { 'application/json': { schema } } })

/** A route on one thing of a name. */
export const named = (name: Schema) => object({ name })
