/**
 * A support agent that looks up an order and may refund it only after a person approves. With the
 * id of a session as an argument it continues that session.
 */
import { createInterface } from 'node:readline/promises'
import { clientTool, createOutlast, type TurnOptions } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const [id] = process.argv.slice(2)

const orderId = {
  type: 'object',
  properties: { order_id: { type: 'string' } },
  required: ['order_id'],
} as const

const findOrder = clientTool({
  name: 'find_order',
  description: 'Returns the status and the amount of an order.',
  parameters: orderId,
  run: ({ order_id }) => ({ order_id, status: 'damaged in transit', amount: 49 }),
})

const refundOrder = clientTool({
  name: 'refund_order',
  description: 'Refunds the full amount of an order.',
  parameters: orderId,
  run: ({ order_id }) => ({ order_id, refunded: 49 }),
})

// Without an API key, the simulated model plays this script instead of deciding by itself.
const script = `llmsim-script: ${JSON.stringify([
  { tool_calls: [{ name: 'find_order', arguments: { order_id: 'A-7' } }] },
  { tool_calls: [{ name: 'refund_order', arguments: { order_id: 'A-7' } }] },
  { text: 'Your order A-7 was damaged in transit. I have refunded $49.' },
])}`

async function createSession() {
  const agent = await outlast.agents.create({
    name: 'Support',
    system_prompt: `You help customers of a web shop. Look up an order before you act on it.\n\n${script}`,
    tools: [findOrder.definition, { ...refundOrder.definition, policy: 'requires_approval' }],
  })
  return outlast.sessions.create({ agent_id: agent.id })
}

const handlers: TurnOptions = {
  tools: [findOrder, refundOrder],
  async onApproval({ name, arguments: input }) {
    const terminal = createInterface({ input: process.stdin, output: process.stdout })
    const reply = await terminal.question(`Approve ${name} ${JSON.stringify(input)}? [y/N] `)
    terminal.close()
    return reply === 'y' ? { decision: 'approve' } : { decision: 'deny', reason: 'Not approved.' }
  },
}

const session = outlast.session(id ?? (await createSession()))
console.log(session.id)
const answer = id
  ? await session.resume(handlers)
  : await session.send('My order A-7 arrived broken.', handlers)
console.log(answer.text)
