/** The smallest conversation: an agent, a session, a question and its answer. */
import { createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are helpful.' })
const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))

const answer = await session.send('Hello!')
console.log(answer.text)
