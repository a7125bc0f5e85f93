import type { EventType } from './events.ts'

/**
 * Lifts an event's packed fields from the version they were written with to the next one. Old
 * journals are never rewritten: they are read through this table for ever.
 */
export type Upcast = (fields: readonly unknown[]) => readonly unknown[]

/** upcasts[type][n] lifts version n to version n + 1. */
export const upcasts: Partial<Record<EventType, Readonly<Record<number, Upcast>>>> = {}
