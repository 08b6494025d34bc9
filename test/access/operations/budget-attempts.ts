/** Attempts to reach budgets and usage of another organization, for the table of all attempts. */
import { bodies, type Things } from './bodies.ts'

type Answer = [status: number, code?: string]

const found: Answer = [200]
const missing: Answer = [404, 'not_found']

/** The path names a resource of the other organization. */
const byPath = (body?: (own: Things) => unknown) => ({
  attempts: (_: Things, own: Things) => [{ answer: missing, ...(body && { body: body(own) }) }],
})

/** Each kind of subject, by a resource of the other organization. */
const subjects = {
  organization: 'org_id',
  agent: 'agent_id',
  session: 'session_id',
  agent_channel: 'channel_id',
  api_key: 'key_id',
  user: 'user_id',
} as const

export const budgetAttempts = {
  list_budgets: {
    attempts: ({ agent_id, org_id }: Things) => [
      { answer: found },
      { query: `subject_type=agent&subject_id=${agent_id}`, answer: found, empty: true as const },
      { query: `subject_id=${org_id}`, answer: found, empty: true as const },
    ],
  },
  create_budget: {
    attempts: (theirs: Things) =>
      Object.entries(subjects).map(([subject_type, name]) => ({
        body: { subject_type, subject_id: theirs[name], currency: 'usd', limit: 1 },
        answer: missing,
      })),
  },
  get_budget: byPath(),
  update_budget: byPath(bodies.update_budget),
  delete_budget: byPath(),
  top_up_budget: byPath(bodies.top_up_budget),
  list_budget_ledger: byPath(),
  check_budget: byPath(),
  list_session_budgets: byPath(),
  check_session_budgets: byPath(),
  resume_session: byPath(),
  get_usage: {
    because: "it sums only the caller's own",
    attempts: ({ agent_id, word }: Things) => [
      { answer: found },
      { query: `agent_id=${agent_id}`, answer: found },
      { query: `user=${word}`, answer: found },
    ],
  },
}
