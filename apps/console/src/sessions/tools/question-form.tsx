import {
  Button,
  Checkbox,
  Group,
  PasswordInput,
  Radio,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import type { Question, QuestionAnswers, QuestionSet, ToolCallItem } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { outlast } from '../../client.ts'
import { sendFailureOf } from '../../errors.ts'
import { NumberField } from '../../form/number-field.tsx'
import { Problem } from '../../shell/screen/problem.tsx'
import { Ago } from '../../shell/text/ago.tsx'
import { useKept } from '../parts/kept.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { type AnswerDrafts, answersOf, type Drafted } from './answers.ts'
import { focusCard } from './card-focus.ts'

type Props = { call: ToolCallItem; asked: QuestionSet }

/** Asks the questions of a tool. All are answered at once, or declined. */
export function QuestionForm({ call, asked }: Props) {
  const { sessionId } = usePlace()
  const [drafts, setDrafts] = useKept<AnswerDrafts>(`answers ${call.key} ${asked.asked_at}`, {})
  // A secret is not kept when the form is left.
  const [secret, setSecret] = useState('')
  const send = useMutation({
    mutationFn: (answers: QuestionAnswers) => {
      const { asked_at } = asked
      return outlast.sessions.answerQuestions(sessionId, {
        ...answers,
        tool_call_id: call.id,
        asked_at,
      })
    },
  })
  const form = useRef<HTMLFormElement>(null)
  const answers = answersOf(asked.questions, drafts, secret)
  function answer(body: QuestionAnswers) {
    focusCard(form.current!)
    send.mutate(body)
  }
  return (
    <form
      ref={form}
      className="approval"
      onSubmit={(event) => {
        event.preventDefault()
        if (answers) answer({ answers })
      }}
    >
      <Text size="xs" c="dimmed">
        Ends without your answer <Ago at={asked.expires_at} />.
      </Text>
      {asked.questions.map((question) => (
        <QuestionField
          key={question.id}
          question={question}
          draft={drafts[question.id] ?? {}}
          change={(draft) => setDrafts({ ...drafts, [question.id]: draft })}
          secret={secret}
          setSecret={setSecret}
        />
      ))}
      <Group gap="xs">
        <Button size="xs" type="submit" disabled={!answers} loading={send.isPending}>
          Answer
        </Button>
        <Button
          size="xs"
          color="red"
          variant="light"
          loading={send.isPending}
          onClick={() => answer({ status: 'declined' })}
        >
          Decline
        </Button>
      </Group>
      <Problem error={send.error} toText={sendFailureOf} />
    </form>
  )
}

type FieldProps = {
  question: Question
  draft: Drafted
  change: (draft: Drafted) => void
  secret: string
  setSecret: (secret: string) => void
}

function QuestionField({ question, draft, change, secret, setSecret }: FieldProps) {
  const { kind, header, question: label, purpose, secret_name } = question
  const common = { label, ...(header && { description: header }) }
  switch (kind) {
    case 'choice':
      return <Choice question={question} draft={draft} change={change} />
    case 'text':
      return (
        <Textarea
          {...common}
          autosize
          minRows={1}
          maxRows={8}
          value={draft.text ?? ''}
          onChange={({ currentTarget }) => change({ text: currentTarget.value })}
        />
      )
    case 'number':
      return (
        <NumberField
          {...common}
          value={draft.number ?? ''}
          onChange={(number) => change(number === '' ? {} : { number })}
        />
      )
    case 'boolean':
      return (
        <Radio.Group
          {...common}
          value={draft.text ?? ''}
          onChange={(text) => change({ text, boolean: text === 'yes' })}
        >
          <Group gap="md" mt="xs">
            <Radio value="yes" label="Yes" />
            <Radio value="no" label="No" />
          </Group>
        </Radio.Group>
      )
    case 'secret':
      return (
        <PasswordInput
          {...common}
          description={`${purpose} Stored as the secret ${secret_name} of this session. The agent does not see it.`}
          autoComplete="off"
          value={secret}
          onChange={({ currentTarget }) => setSecret(currentTarget.value)}
        />
      )
  }
}

type ChoiceProps = Pick<FieldProps, 'question' | 'draft' | 'change'>

function Choice({ question, draft, change }: ChoiceProps) {
  const { header, question: label, options = [], multi_select, allow_other = true } = question
  const common = { label, ...(header && { description: header }) }
  const { selected = [], text = '' } = draft
  const list = (Option: typeof Radio | typeof Checkbox) => (
    <Stack gap="xs" mt="xs">
      {options.map(({ label, description }) => (
        <Option key={label} value={label} label={label} description={description} />
      ))}
    </Stack>
  )
  return (
    <>
      {multi_select ? (
        <Checkbox.Group
          {...common}
          value={selected}
          onChange={(selected) => change({ ...draft, selected })}
        >
          {list(Checkbox)}
        </Checkbox.Group>
      ) : (
        <Radio.Group
          {...common}
          value={selected[0] ?? ''}
          onChange={(label) => change({ selected: [label] })}
        >
          {list(Radio)}
        </Radio.Group>
      )}
      {allow_other && (
        <TextInput
          size="xs"
          aria-label={`Another answer: ${label}`}
          placeholder="Another answer"
          value={text}
          onChange={({ currentTarget: { value } }) =>
            change(multi_select ? { ...draft, text: value } : { text: value })
          }
        />
      )}
    </>
  )
}
