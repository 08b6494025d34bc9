/** The panels of a session, in tab order. */
export const panels = ['timeline', 'events', 'files', 'usage', 'details'] as const
export type PanelName = (typeof panels)[number]
