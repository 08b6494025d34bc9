/** What can stand beside a conversation, in the order of its tabs. */
export const panels = ['timeline', 'events', 'files', 'usage', 'details'] as const
export type PanelName = (typeof panels)[number]
