import { readFileSync } from 'node:fs'

const file = new URL('../../package.json', import.meta.url)
const { version: found } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }

/** Of this program. */
export const version = found
