/** Prints the answer while the model writes it. */
import { createOutlast, textOf } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are helpful.' })
const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))

const turn = session.send('Tell me something.')
let shown = ''
for await (const event of turn) {
  if (event.type === 'output.message.started') {
    // A further attempt: the reply broke off, so the printed text is void.
    if (shown !== '') console.log('\n[again]')
    shown = ''
  }
  if (event.type === 'output.message.delta') {
    process.stdout.write(event.data.delta)
    shown += event.data.delta
  }
  if (event.type === 'output.message.completed') {
    // Deltas are not stored, so a reply that ends before the stream connects has none.
    console.log(textOf(event.data.message).slice(shown.length))
    shown = ''
  }
}

const { usage } = await turn
console.log(`${usage?.output_tokens} tokens`)
