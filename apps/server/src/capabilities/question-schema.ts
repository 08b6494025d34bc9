import { type Question, questionKinds } from '@outlast/contract'
import { type Static, Type } from 'typebox'
import { storedNameMax } from '../store/files/stored-text-rules.ts'

const strict = { additionalProperties: false }
const limitedText = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description })

const option = Type.Object(
  {
    label: limitedText(200, 'The option, in a few words.'),
    description: Type.Optional(limitedText(500, 'Explanation of the option.')),
    default: Type.Optional(
      Type.Boolean({ description: 'Whether it is chosen if nobody answers in time.' }),
    ),
  },
  strict,
)

const question = Type.Object(
  {
    id: Type.Optional(limitedText(64, 'Id for the answer. Default: q1, q2 and so on.')),
    kind: Type.Optional(
      Type.Unsafe<Question['kind']>({
        type: 'string',
        enum: [...questionKinds],
        description: 'Kind of the answer. Default: choice.',
      }),
    ),
    header: Type.Optional(limitedText(16, 'Short label.')),
    question: limitedText(2_000, 'The question.'),
    options: Type.Optional(
      Type.Array(option, { minItems: 2, maxItems: 6, description: 'Options of a choice.' }),
    ),
    multi_select: Type.Optional(
      Type.Boolean({ description: 'Whether several options may be chosen. Default: false.' }),
    ),
    allow_other: Type.Optional(
      Type.Boolean({ description: 'Whether a choice accepts free text instead. Default: true.' }),
    ),
    secret_name: Type.Optional(
      limitedText(
        storedNameMax,
        'For the kind secret: name under which it is stored in the session.',
      ),
    ),
    purpose: Type.Optional(limitedText(500, 'For the kind secret: why it is needed.')),
  },
  strict,
)

/** Questions as tools give them: ids and kinds may be absent. */
export const questionList = Type.Array(question, { minItems: 1, maxItems: 4 })
export type GivenQuestion = Static<typeof question>
