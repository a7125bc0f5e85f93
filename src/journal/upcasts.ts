import type { EventType } from './events.ts'

/**
 * Lifts an event's packed fields from the version they were written with to the next one. Old
 * journals are never rewritten: they are read through this table for ever.
 */
export type Upcast = (fields: readonly unknown[]) => readonly unknown[]

/** By type of event, and by the version n that a step lifts to version n + 1. */
export type Upcasts = Readonly<Record<string, Readonly<Record<number, Upcast>>>>

export const upcasts = {} as const satisfies Partial<Record<EventType, Upcasts[string]>>
