import { MemoryJournal } from '../../src/journal/memory.ts'
import { journalContract } from '../contracts/journal-contract.ts'

journalContract('memory', async () => {
  const journal = new MemoryJournal()
  return {
    journal,
    trims: true,
    other: async () => journal,
    crash: async () => journal,
    dispose: () => journal.close(),
  }
})
