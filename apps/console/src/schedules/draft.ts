/** The fields of the form of a schedule. */
export type Draft = {
  name: string
  cron: string
  timezone: string
  doing: 'start_session' | 'send_message'
  agentId: string
  sessionId: string
  text: string
  onBusy: 'queue' | 'reject'
  catchUp: boolean
  catchUpMax: number | ''
  concurrentMax: number | ''
}

export type EditProps = {
  draft: Draft
  change: (fields: Partial<Draft>) => void
  /** What the server said when it was saved. */
  error: unknown
}
