/** Exported heads of journals on the command line: made, signed, read and checked. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { checkSignature, type HeadFile, parsedHead, signedHead } from '../../journal/signed-head.ts'
import { type OptionValues, UsageError } from './commands.ts'

/** Prints a head, signed when --sign names a key. */
export function printHead(head: HeadFile, { sign }: OptionValues): void {
  const signed = typeof sign === 'string' ? signedHead(head, keyIn(sign, createPrivateKey)) : head
  process.stdout.write(`${JSON.stringify(signed, null, 2)}\n`)
}

/** The head of --head, after its signature was checked with --public-key; undefined without. */
export function headOption(values: OptionValues): HeadFile | undefined {
  const { head: file, 'public-key': key } = values
  if (file === undefined && key === undefined) return undefined
  if (typeof file !== 'string' || typeof key !== 'string') {
    throw new UsageError('--head FILE and --public-key FILE belong together')
  }
  const head = parsedHead(readFileSync(file, 'utf8'))
  checkSignature(head, keyIn(key, createPublicKey))
  return head
}

function keyIn(file: string, parse: (pem: Buffer) => KeyObject): KeyObject {
  const pem = readFileSync(file)
  try {
    return parse(pem)
  } catch (error) {
    throw new Error(`${file} holds no key of this kind in PEM: ${(error as Error).message}`)
  }
}
