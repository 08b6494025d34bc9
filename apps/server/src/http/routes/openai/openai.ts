import type { Api } from '../../core/api.ts'
import type { Streams } from '../../streams/open-streams.ts'
import { chatRoutes } from './chat.ts'
import { conversationRoutes } from './conversations.ts'
import { answerAsOpenAI } from './errors.ts'
import { agentModelRoutes } from './models.ts'
import { responseRoutes } from './responses.ts'

/** The APIs of OpenAI for sessions: an adapter, whose errors have the form of theirs. */
export async function openAIRoutes(api: Api, streams: Streams): Promise<void> {
  await api.app.register(
    async (scope) => {
      answerAsOpenAI(scope, api.node.log)
      const openai = { api, streams, scope }
      responseRoutes(openai)
      conversationRoutes(openai)
      chatRoutes(openai)
      agentModelRoutes(openai)
    },
    { prefix: '/openai/v1' },
  )
}
