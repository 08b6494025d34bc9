/** The agents of the screenshots. */
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
    description: 'Answers customers and fixes problems with their invoices.',
    system_prompt: `You answer customers of Tidewater, a shop system for small makers.

Before you reply, read the customer record, open tickets and payments. Plan with a task list when there is more than one step. Every payout needs approval, so give the reason in one sentence.

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
    description: 'Analyzes files and figures, and writes reports with sources.',
    system_prompt: `You do research for the engineers of Tidewater.

Plan with a task list. Compute every figure with bash instead of guessing it, and keep the command. Write your results to /reports, with a table and a summary in one sentence.`,
    tags: ['engineering'],
    capabilities: [
      { ref: 'stateless_todo_list' },
      { ref: 'session_file_system' },
      { ref: 'virtual_bash' },
    ],
  },
  releases: {
    name: 'Release Notes',
    description: 'Writes release notes for users from merged changes.',
    system_prompt:
      'You write release notes for users from lists of changes. Leave out internal changes.',
    tags: ['engineering'],
    capabilities: [{ ref: 'session_file_system' }],
  },
  onCall: {
    name: 'On Call',
    description: 'Checks machines and metrics during incidents.',
    system_prompt: 'You help the engineer on call. Check the machines first, then suggest a fix.',
    tags: ['engineering'],
    capabilities: [
      { ref: 'fake_aws', config: { requires_approval: ['aws_stop_ec2_instance'] } },
      { ref: 'stateless_todo_list' },
    ],
  },
} satisfies Record<string, NewAgent>

export type AgentName = keyof typeof agents
