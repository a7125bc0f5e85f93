import { MiB } from './limits.ts'

const setting = process.env['DITTOFS_SEGMENT_BYTES']

/**
 * Size at which the next segment of content begins. `DITTOFS_SEGMENT_BYTES` makes it smaller, for
 * tests: some that are full come up for collection while their server runs.
 */
export const SEGMENT_BYTES = setting === undefined ? 256 * MiB : Number(setting)
