import { createHash } from 'node:crypto'

/** Stands for content in trees: short, and different when the content is. */
export const hashOf = (content: Buffer): string =>
  `${content.length} bytes, sha1 ${createHash('sha1').update(content).digest('hex')}`
