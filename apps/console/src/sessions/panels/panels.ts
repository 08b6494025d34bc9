/** What can stand beside a conversation, in the order of its tabs. */
export const panels = ['timeline', 'events', 'files', 'usage', 'details'] as const
export type PanelName = (typeof panels)[number]

/** What the address of a session says beside its id. */
export type SessionPlaceSearch = {
  panel?: PanelName | undefined
  /** A message that a link names. */
  message?: string | undefined
  /** A turn that the timeline shows. */
  turn?: string | undefined
  /** The file that is open. */
  file?: string | undefined
  /** Of the events: which types, separated by commas, and a text in them. */
  types?: string | undefined
  find?: string | undefined
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

export const readSearch = (given: Record<string, unknown>): SessionPlaceSearch => ({
  panel: panels.find((name) => name === given.panel),
  message: text(given.message),
  turn: text(given.turn),
  file: text(given.file),
  types: text(given.types),
  find: text(given.find),
})
