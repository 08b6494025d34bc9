/** The agents of the pictures. */
import type { NewAgent } from '@outlast/contract'

const at = '2026-11-02T09:00:00Z'

const customers = [
  {
    ...{ id: 'CUST-014', name: 'Ines Carvalho', email: 'ines@carvalho.example', tier: 'pro' },
    ...{ company: 'Carvalho Ceramics', phone: null, created_at: at, last_contact: at },
  },
]

const payment = (id: string, date: string) => ({
  ...{ id, date, transaction_type: 'income', category: 'subscriptions', amount: 49 },
  ...{ description: 'Pro plan, November, CUST-014', account: 'operating' },
})

export const agents = {
  support: {
    name: 'Support',
    description: 'Answers customers, and puts right what went wrong with their invoices.',
    system_prompt: `You answer customers of Tidewater, a shop system for small makers.

Look before you write: the customer, their open tickets, their payments. Plan with a task list when there is more than one thing to do. Money leaves the house only when a person has allowed it, so say in one sentence why it should.

Write short, friendly replies. Name amounts and dates. Never promise what you have not done.`,
    tags: ['customers'],
    capabilities: [
      { ref: 'stateless_todo_list' },
      { ref: 'fake_crm', config: { data: { customers, tickets: [], interactions: [] } } },
      {
        ref: 'fake_financial',
        config: {
          requires_approval: ['finance_create_transaction'],
          data: {
            accounts: [{ name: 'operating', opening_balance: 182_400 }],
            transactions: [payment('TXN-311', '2026-11-03'), payment('TXN-312', '2026-11-03')],
            budgets: [],
          },
        },
      },
    ],
  },
  research: {
    name: 'Research',
    description: 'Finds things out from files and figures, and writes down where it has them from.',
    system_prompt: `You find things out for the engineers of Tidewater.

Plan with a task list. Compute every figure with bash instead of guessing it, and keep the command. Write what you found to /reports, with a table and one sentence that somebody in a hurry can read.`,
    tags: ['engineering'],
    capabilities: [
      { ref: 'stateless_todo_list' },
      { ref: 'session_file_system' },
      { ref: 'virtual_bash' },
    ],
  },
  releases: {
    name: 'Release Notes',
    description: 'Reads what was merged and writes what users should know.',
    system_prompt:
      'You write release notes for users from lists of changes. Leave out what they cannot see.',
    tags: ['engineering'],
    capabilities: [{ ref: 'session_file_system' }],
  },
  onCall: {
    name: 'On Call',
    description: 'Looks at machines and metrics when something is slow.',
    system_prompt:
      'You help whoever is on call. Look at the machines first, then say what you would do.',
    tags: ['engineering'],
    capabilities: [
      { ref: 'fake_aws', config: { requires_approval: ['aws_stop_ec2_instance'] } },
      { ref: 'stateless_todo_list' },
    ],
  },
} satisfies Record<string, NewAgent>

export type AgentName = keyof typeof agents
