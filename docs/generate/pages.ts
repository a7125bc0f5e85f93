/**
 * Pages that are written by the code that they are about: `npm run docs`. A test compares each with
 * what would be written now.
 */
import { cliPage } from './cli-page.ts'
import { eventsPage } from './events-page.ts'

/** By path below docs/. */
export const pages: Readonly<Record<string, () => string>> = {
  'formats/events.md': eventsPage,
  'guide/cli.md': cliPage,
}
