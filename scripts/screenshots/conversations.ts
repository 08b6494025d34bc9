/** The conversations of the screenshots. */
import type { AgentName } from './agents.ts'
import type { Exchange, Reply } from './vendor.ts'

export type Conversation = {
  agent: AgentName
  title: string
  tags: readonly string[]
  /** Age of the session. */
  minutesAgo: number
  exchanges: readonly Exchange[]
  /** State of the session during the screenshots. Default: all turns are completed. */
  state?: 'waits' | 'works'
}

const todos = (done: number, list: readonly (readonly [string, string])[]) => ({
  name: 'write_todos',
  arguments: {
    todos: list.map(([content, activeForm], at) => ({
      ...{ content, activeForm },
      status: at < done ? 'completed' : at === done ? 'in_progress' : 'pending',
    })),
  },
})

const refundPlan = [
  ['Find the customer and the payments', 'Finding the customer and the payments'],
  ['Refund the second payment', 'Refunding the second payment'],
  ['Note it and write to the customer', 'Writing to the customer'],
] as const

export const refund: Conversation = {
  agent: 'support',
  title: 'Charged twice for November',
  tags: ['billing', 'pro'],
  minutesAgo: 2,
  state: 'waits',
  exchanges: [
    {
      said: 'Ines Carvalho writes that her card was charged twice this month. Is she right? If so, refund her.',
      replies: [
        {
          thinking:
            'I need her record first, then the payments of this month. Two payments on one day for the same plan would settle it.',
          text: 'First I look up Ines and her payments.',
          calls: [
            todos(0, refundPlan),
            { name: 'crm_search_customers', arguments: { query: 'carvalho' } },
            { name: 'finance_list_transactions', arguments: { category: 'subscriptions' } },
          ],
          ...{ waitMs: 900, tokensPerSecond: 60, inputTokens: 2_840, outputTokens: 212 },
        },
        {
          calls: [todos(1, refundPlan)],
          ...{ waitMs: 400, inputTokens: 3_380, outputTokens: 96 },
        },
        {
          text: `She is right. The Pro plan was charged twice on November 3.

| Payment | Date | Amount |
|---|---|---|
| \`TXN-311\` | 2026-11-03 | $49.00 |
| \`TXN-312\` | 2026-11-03 | $49.00 |

I suggest a refund of **$49.00** for \`TXN-312\`.`,
          calls: [
            {
              name: 'finance_create_transaction',
              arguments: {
                ...{ transaction_type: 'expense', category: 'refunds', amount: 49 },
                description: 'Refund of TXN-312, charged twice, CUST-014',
              },
            },
          ],
          ...{ waitMs: 1_100, tokensPerSecond: 80, inputTokens: 3_610, outputTokens: 268 },
        },
      ],
    },
  ],
}

const latencyPlan = [
  ['Read the measurements', 'Reading the measurements'],
  ['Compute p50 and p95 of both releases', 'Computing p50 and p95 of both releases'],
  ['Write the report', 'Writing the report'],
] as const

const report = `# Latency of 4.2 against 4.1

| Release | p50 | p95 |
|---|---|---|
| 4.1 | 41 ms | 118 ms |
| 4.2 | 39 ms | 96 ms |

p95 of 4.2 is 19% lower. The median is almost unchanged.
`

const percentile = `for r in 4.1 4.2; do
  sort -n /data/$r.txt | awk -v r=$r '{ a[NR] = $1 }
    END { print r, "p50", a[int(NR * .5)], "p95", a[int(NR * .95)] }'
done`

export const latency: Conversation = {
  agent: 'research',
  title: 'Latency of 4.2 against 4.1',
  tags: ['performance'],
  minutesAgo: 26,
  exchanges: [
    {
      said: 'The measurements of both releases are in /data. Is 4.2 faster? Write a short report.',
      replies: [
        {
          thinking:
            'Two files with one number per line. Percentiles need sorting, which awk can do. First I check the files.',
          text: 'First I read the measurements.',
          calls: [
            todos(0, latencyPlan),
            { name: 'bash', arguments: { command: 'wc -l /data/*.txt && head -3 /data/4.2.txt' } },
          ],
          ...{ waitMs: 700, tokensPerSecond: 90, inputTokens: 2_120, outputTokens: 164 },
        },
        {
          calls: [todos(1, latencyPlan), { name: 'bash', arguments: { command: percentile } }],
          ...{ waitMs: 600, failsOnce: 529, inputTokens: 2_480, outputTokens: 148 },
        },
        {
          calls: [
            todos(2, latencyPlan),
            { name: 'write_file', arguments: { path: '/reports/4.2.md', content: report } },
            { name: 'bash', arguments: { command: 'sleep 1; wc -w /reports/4.2.md' } },
          ],
          ...{ waitMs: 800, inputTokens: 2_790, outputTokens: 231 },
        },
        {
          text: `Yes. **p95 fell from 118 ms to 96 ms**, by 19%. The median is almost unchanged.

\`\`\`bash
sort -n /data/4.2.txt | awk '{ a[NR] = $1 } END { print a[int(NR * .95)] }'
\`\`\`

The report is in \`/reports/4.2.md\`.`,
          ...{ waitMs: 500, tokensPerSecond: 60, inputTokens: 3_060, outputTokens: 122 },
        },
      ],
    },
    {
      said: 'Thanks. How many requests is that?',
      replies: [
        {
          calls: [{ name: 'bash', arguments: { command: 'cat /data/*.txt | wc -l' } }],
          ...{ waitMs: 400, inputTokens: 3_240, outputTokens: 41 },
        },
        {
          text: '4,000 requests, 2,000 for each release.',
          ...{ waitMs: 300, tokensPerSecond: 50, inputTokens: 3_330, outputTokens: 24 },
        },
      ],
    },
  ],
}

const answer = (said: string, text: string, more: Partial<Reply> = {}): Exchange => ({
  said,
  replies: [{ text, inputTokens: 2_100 + said.length * 9, outputTokens: text.length, ...more }],
})

const short = (
  agent: AgentName,
  title: string,
  minutesAgo: number,
  tags: readonly string[],
  [said, text]: readonly [said: string, text: string],
): Conversation => ({ agent, title, minutesAgo, tags, exchanges: [answer(said, text)] })

/** A long conversation with growing token counts. */
export const weekly: Conversation = {
  agent: 'releases',
  title: 'Release notes of 4.2',
  tags: ['release'],
  minutesAgo: 95,
  exchanges: Array.from({ length: 26 }, (_, at) =>
    answer(
      `Change ${at + 1} of 26: how does a user notice it?`,
      at % 4 === 2 ? 'Not at all. Left out.' : 'Added a line under **Improved**.',
      { inputTokens: 1_800 + at * 640 + (at % 5) * 420, outputTokens: 260 + ((at * 7) % 9) * 110 },
    ),
  ),
}

const slow: Conversation = {
  agent: 'onCall',
  title: 'Checkout is slow in eu-west',
  tags: ['incident'],
  minutesAgo: 4,
  state: 'works',
  exchanges: [
    {
      said: 'Checkout has taken four seconds in eu-west since noon. Which change caused it?',
      replies: [
        {
          text: 'I check the machines and their load.',
          calls: [{ name: 'aws_list_ec2_instances', arguments: {} }],
          ...{ waitMs: 300, inputTokens: 2_400, outputTokens: 96 },
        },
        {
          text: 'The machines are healthy. Next I compare the load of the last hours with yesterday, then the databases, before I name a cause.',
          ...{ waitMs: 200, tokensPerSecond: 0.1, inputTokens: 2_900, outputTokens: 300 },
        },
      ],
    },
  ],
}

const broken: Conversation = {
  agent: 'releases',
  title: 'Translate the changelog',
  tags: ['release'],
  minutesAgo: 44,
  exchanges: [
    {
      said: 'Translate the changelog of 4.2 into Portuguese.',
      replies: [{ refusal: 'Your credit balance is too low to access the API.' }],
    },
  ],
}

export const conversations: readonly Conversation[] = [
  refund,
  slow,
  short(
    'support',
    'Where is order 5512?',
    7,
    ['orders'],
    [
      'Where is order 5512? It should have come on Friday.',
      'It left the warehouse on Thursday and reached Porto this morning. I informed the customer.',
    ],
  ),
  short(
    'support',
    'Change of address before shipping',
    12,
    ['orders'],
    [
      'Can order 5530 still go to another address?',
      'Yes, it is not packed yet. The address is changed to Rua das Flores 8.',
    ],
  ),
  short(
    'onCall',
    'Disk of db-2 at 91 %',
    19,
    ['incident'],
    [
      'The disk of db-2 is at 91 %. How long do we have?',
      'At the rate of this week about nine days. Old exports take 40 GB and can go.',
    ],
  ),
  latency,
  short(
    'support',
    'Invoice with a VAT number',
    33,
    ['billing'],
    [
      'A customer needs the VAT number on an invoice of October.',
      'I added the number and reissued the invoice. It is attached to the ticket.',
    ],
  ),
  broken,
  short(
    'research',
    'Which countries order most?',
    58,
    ['growth'],
    [
      'Which three countries ordered most last month?',
      'Portugal with 41 %, Spain with 23 % and France with 11 %.',
    ],
  ),
  short(
    'support',
    'Cannot sign in after a new phone',
    71,
    ['account'],
    [
      'A customer lost the phone with the second factor.',
      'I sent a recovery link to the address on file and asked for the last invoice first.',
    ],
  ),
  weekly,
  short(
    'onCall',
    'Certificate of shop.tidewater.example',
    130,
    ['incident'],
    [
      'When does the certificate of the shop end?',
      'On 14 January. It renews itself 30 days before, and did so last time.',
    ],
  ),
  short(
    'research',
    'Refund rate by plan',
    185,
    ['growth', 'billing'],
    [
      'Is the refund rate of the Pro plan higher than that of the others?',
      'No: 0.8 % against 1.1 %. The figures are in /reports/refunds.md.',
    ],
  ),
  short(
    'support',
    'Question about exports',
    260,
    ['account'],
    [
      'Can a shop export its orders as a spreadsheet?',
      'Yes, under Orders, Export. I sent the customer the three steps.',
    ],
  ),
  short(
    'releases',
    'API changes in 4.1',
    1_500,
    ['release'],
    [
      'Which changes of 4.1 does a client of the API see?',
      'Two: a new field `tax_id`, and errors that name the field.',
    ],
  ),
]
