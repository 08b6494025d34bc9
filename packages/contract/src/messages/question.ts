/** Questions to a person, and their answers. */
import { type Static, Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { described, nullable, oneOf, optional } from '../core/shape.ts'
import { SessionStatus, WaitingFor } from '../sessions/session.ts'

export const questionKinds = ['choice', 'text', 'number', 'boolean', 'secret'] as const

/** Longest answer as free text, in characters. */
export const answerTextMax = 10_000

const QuestionOption = Type.Object(
  {
    label: Type.String({ description: 'The option, which is also its value.', examples: ['Red'] }),
    description: Type.Optional(
      Type.String({ description: 'Explanation of the option. Absent if there is none.' }),
    ),
    default: Type.Optional(
      Type.Boolean({
        description:
          'True if it is chosen without an answer in time. If no option has it, the first is chosen.',
      }),
    ),
  },
  { title: 'QuestionOption', description: 'One option of a choice.' },
)

export const Question = Type.Object(
  {
    id: Type.String({ description: 'Id of the question, unique in its set.', examples: ['q1'] }),
    kind: described(
      oneOf(...questionKinds),
      '`choice`: one or several of `options`. `text`, `number`, `boolean`: a value. `secret`: a text that is stored as a secret of the session, and that the model does not receive with the answer.',
    ),
    header: Type.Optional(
      Type.String({ description: 'Short label, at most 16 characters.', examples: ['Color'] }),
    ),
    question: Type.String({ description: 'The question.', examples: ['Which color?'] }),
    options: Type.Optional(
      Type.Array(QuestionOption, { description: 'Options of a choice, 2 to 6.' }),
    ),
    multi_select: Type.Optional(
      Type.Boolean({ description: 'True if several options may be chosen. Default: false.' }),
    ),
    allow_other: Type.Optional(
      Type.Boolean({ description: 'True if a choice accepts free text instead. Default: true.' }),
    ),
    secret_name: Type.Optional(
      Type.String({ description: 'Name under which the secret is stored in the session.' }),
    ),
    purpose: Type.Optional(Type.String({ description: 'Why the secret is needed.' })),
  },
  { title: 'AskUserQuestion', description: 'A question to a person.' },
)
export type Question = Static<typeof Question>

export const QuestionSet = Type.Object(
  {
    questions: Type.Array(Question, { description: 'The questions, 1 to 4, in order.' }),
    asked_at: described(Timestamp, 'Time at which they were asked.'),
    expires_at: described(
      Timestamp,
      'Time at which the turn continues: each choice then has its options with `default`, else its first.',
    ),
  },
  { title: 'QuestionSet', description: 'Questions that a person answers together.' },
)
export type QuestionSet = Static<typeof QuestionSet>

const id = Type.String({ maxLength: 100, description: 'Id of the question.', examples: ['q1'] })

const questionStatus = oneOf('answered', 'declined', 'cancelled', 'timed_out')

const answeredBy = described(
  oneOf('user', 'timeout', 'unattended'),
  '`user`: a person answered, declined, or sent a message instead. `timeout`: there was no answer in time. `unattended`: reserved; this server never uses it.',
)

const status = described(
  questionStatus,
  '`answered`. `declined`: the person refused, or there was no answer in time to questions without a choice. `cancelled`: a message came instead. `timed_out`: there was no answer in time, and each choice has its options with `default`, else its first. Questions of other kinds then have no answer.',
)

export const QuestionAnswer = Type.Object(
  {
    id,
    selected: Type.Optional(Type.Array(Type.String(), { description: 'Chosen options.' })),
    other_text: Type.Optional(Type.String({ description: 'Free text in place of an option.' })),
    value: Type.Optional(
      Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
        description: 'Answer to a question of the kind `text`, `number` or `boolean`.',
      }),
    ),
    secret_ref: Type.Optional(
      Type.String({
        description: '`session:` and the name of the stored secret. No event has the secret.',
      }),
    ),
  },
  { title: 'QuestionAnswer', description: 'The answer to one question.' },
)
export type QuestionAnswer = Static<typeof QuestionAnswer>

export const QuestionOutcome = Type.Object(
  {
    status,
    answered_by: answeredBy,
    answers: Type.Array(QuestionAnswer, {
      description: 'Answers in the order of the questions. Questions without an answer are absent.',
    }),
  },
  { title: 'QuestionOutcome', description: 'How a set of questions ended.' },
)
export type QuestionOutcome = Static<typeof QuestionOutcome>

const text = (description: string) => optional(Type.String(), description)

export const NewQuestionAnswer = Type.Object(
  {
    id,
    selected: optional(
      Type.Array(Type.String(), { maxItems: 6 }),
      'Labels of the chosen options of a choice.',
    ),
    other_text: text('Free text, where a choice has `allow_other`, or the answer to a `text`.'),
    value: optional(
      Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
      'Answer to a question of the kind `text`, `number` or `boolean`, with that type.',
    ),
    secret: Type.Optional(
      Type.String({
        writeOnly: true,
        description:
          'Answer to a question of the kind `secret`: it is stored as a secret of the session, and no event or response contains it.',
      }),
    ),
    secret_ref: text(
      '`session:` and the `secret_name` of the question, for a secret that is stored already.',
    ),
  },
  { title: 'NewQuestionAnswer', description: 'An answer to one question.' },
)
export type NewQuestionAnswer = Static<typeof NewQuestionAnswer>

export const QuestionAnswers = Type.Object(
  {
    tool_call_id: optional(
      Type.String({ maxLength: 1_000 }),
      'Id of the call that asks. Default: the only one that waits.',
    ),
    asked_at: optional(
      Timestamp,
      '`asked_at` of the answered questions. Other questions of the call get 409 `question_not_waiting`. Default: those that wait.',
    ),
    status: Type.Optional(
      described(
        oneOf('answered', 'declined'),
        '`declined` refuses all questions; `answers` is then ignored. Default: `answered`.',
      ),
    ),
    answers: Type.Optional(
      Type.Array(NewQuestionAnswer, {
        maxItems: 10,
        description: 'One answer for each question, in any order.',
      }),
    ),
  },
  {
    title: 'QuestionAnswersRequest',
    description: 'Answers to all questions of a set, or a refusal.',
    examples: [
      {
        tool_call_id: 'call_1',
        asked_at: '2026-11-25T09:30:00.000Z',
        answers: [{ id: 'q1', selected: ['Red'] }],
      },
    ],
  },
)
export type QuestionAnswers = Static<typeof QuestionAnswers>

export const QuestionAnswersAccepted = Type.Object(
  {
    tool_call_id: Type.String({ description: 'Id of the call that asked.', examples: ['call_1'] }),
    status,
    answered_by: answeredBy,
    session_status: described(SessionStatus, 'Status of the session after the request.'),
    waiting_for: nullable(
      WaitingFor,
      'Calls that still wait for an outcome. Null if none do, so that the turn continues.',
    ),
  },
  {
    title: 'QuestionAnswersResponse',
    description: 'The stored outcome. It is final.',
    examples: [
      {
        tool_call_id: 'call_1',
        status: 'answered',
        answered_by: 'user',
        session_status: 'active',
        waiting_for: null,
      },
    ],
  },
)
export type QuestionAnswersAccepted = Static<typeof QuestionAnswersAccepted>
