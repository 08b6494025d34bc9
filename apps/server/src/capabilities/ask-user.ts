import { type Static, Type } from 'typebox'
import { defineCapability, defineTool } from './capability.ts'
import { questionList } from './question-schema.ts'
import { expirySecondsDefault, expirySecondsMax } from './questions.ts'

const config = Type.Object(
  {
    expires_in_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: expirySecondsMax,
        default: expirySecondsDefault,
        title: 'Time to answer (s)',
        description: `Time until questions expire, 1 to ${expirySecondsMax} seconds (7 days); by default ${expirySecondsDefault} (24 hours).`,
      }),
    ),
  },
  { additionalProperties: false },
)
type Config = Static<typeof config>

const input = Type.Object({ questions: questionList }, { additionalProperties: false })

const description = [
  'Asks the user 1 to 4 questions and waits for the answers. Use it when you cannot continue without a decision or a fact that only the user has.',
  'The result has the status: answered, declined (continue without the answers), cancelled (the user wrote a message instead) or timed_out (the defaults were chosen).',
  'A secret, such as a password, is asked alone: you receive its name, never the secret. Never ask for a secret as a text.',
].join(' ')

const askedElsewhere = () => {
  throw new Error('The user answers this tool.')
}

export const askUser = defineCapability({
  id: 'ask_user',
  name: 'Ask User',
  description: 'Asks the user questions and waits for the answers.',
  category: 'Interaction',
  icon: 'message-circle-question',
  status: 'available',
  config,
  sessionRules: { expires_in_seconds: 'smaller' },
  tools: ({ expires_in_seconds = expirySecondsDefault }: Config) => [
    {
      ...defineTool({ name: 'ask_user', description, replay: 'safe', input, run: askedElsewhere }),
      asks: { timeoutSeconds: expires_in_seconds },
    },
  ],
})
