/** Tool calls that need an approval. Here the program decides; it could ask a person. */
import { createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({
  name: 'Clerk',
  system_prompt: 'You calculate.',
  capabilities: [{ ref: 'test_math', config: { requires_approval: ['add', 'multiply'] } }],
})
const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))

for (const question of ['What is 19 + 23?', 'What is 19 * 23?']) {
  const answer = await session.send(question, {
    onApproval: ({ name, arguments: given }) => {
      console.log(`May it ${name} ${JSON.stringify(given)}?`)
      if (name === 'add') return { decision: 'approve' }
      return { decision: 'deny', reason: 'That is too much.' }
    },
  })
  console.log(answer.text)
}
