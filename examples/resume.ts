/**
 * A turn survives the program that started it. The first run crashes while the agent waits for its
 * tool. Run it again with the printed id to complete the same turn.
 */
import { clientTool, createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })
const [id] = process.argv.slice(2)

const getWeather = clientTool({
  name: 'get_weather',
  description: 'The weather of a place.',
  parameters: {
    type: 'object',
    properties: { location: { type: 'string' } },
    required: ['location'],
  },
  run: ({ location }) => {
    if (!id) process.exit(1)
    return { location, conditions: 'sunny', temperature: 21 }
  },
})
const tools = [getWeather]

if (id) {
  const answer = await outlast.session(id).resume({ tools })
  console.log(answer.text)
} else {
  const agent = await outlast.agents.create({
    name: 'Forecaster',
    system_prompt: 'You know the weather.',
    tools: [getWeather.definition],
  })
  const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
  console.log(session.id)
  await session.send('What is the weather in Kyiv?', { tools })
}
