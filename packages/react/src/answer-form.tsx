import { isOutlastError, type Question, type QuestionSet, type ToolCallItem } from '@outlast/sdk'
import { type ComponentPropsWithoutRef, type FormEvent, type KeyboardEvent, useState } from 'react'
import { answersIn } from './form-answers.ts'
import type { OutlastSession } from './use-outlast.ts'

type AnswerFormProps = Omit<ComponentPropsWithoutRef<'form'>, 'children' | 'onSubmit'> & {
  /** A call that waits for an approval or for answers. Other calls show no form. */
  call: ToolCallItem
  session: Pick<OutlastSession, 'approve' | 'deny' | 'answer'>
}

/** Asks a person to approve a call, or to answer the questions of a tool. */
export function AnswerForm({ call, session, ...props }: AnswerFormProps) {
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<string>()
  const asked = call.questions
  const questions = asked?.questions
  if (call.approval?.state !== 'requested' && !questions) return null

  async function decide(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const { submitter } = event.nativeEvent as SubmitEvent
    const isAccepted = submitter?.getAttribute('value') !== 'no'
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setError(undefined)
    try {
      if (asked) await answer(asked, isAccepted, form)
      else if (isAccepted) await session.approve(call.id)
      else await session.deny(call.id, { reason: String(form.get('reason') ?? '') })
    } catch (error) {
      if (!isDecided(error)) setError(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }

  async function answer({ questions, asked_at }: QuestionSet, isAccepted: boolean, form: FormData) {
    const named = { tool_call_id: call.id, asked_at }
    if (!isAccepted) return session.answer({ ...named, status: 'declined' })
    const answers = answersIn(questions, form)
    if (!answers) throw new Error('Answer all questions.')
    return session.answer({ ...named, answers })
  }

  return (
    <form key={asked?.asked_at} {...props} onSubmit={(event) => void decide(event)}>
      <fieldset disabled={isBusy}>
        <legend>{questions ? call.name : `Approve ${call.name}?`}</legend>
        {questions?.map((question) => (
          <QuestionField key={question.id} question={question} />
        ))}
        {!questions && (
          <input name="reason" placeholder="Reason for a denial" onKeyDown={denyOnEnter} />
        )}
        <button type="submit" value="yes">
          {questions ? 'Answer' : 'Approve'}
        </button>
        <button type="submit" value="no" formNoValidate>
          {questions ? 'Decline' : 'Deny'}
        </button>
        {error !== undefined && <p role="alert">{error}</p>}
      </fieldset>
    </form>
  )
}

/** Denies on Enter, for which a browser would press the first button. */
function denyOnEnter(event: KeyboardEvent<HTMLInputElement>) {
  // The key code 229 is an Enter that ends the composition of a character.
  if (event.key !== 'Enter' || event.keyCode === 229) return
  event.preventDefault()
  event.currentTarget.form!.querySelector<HTMLButtonElement>('button[value=no]')!.click()
}

/** Another client decided. An event shows its decision. */
const isDecided = (error: unknown) =>
  isOutlastError(error, 'approval_not_pending', 'question_not_waiting')

function QuestionField({ question }: { question: Question }) {
  const { id, kind, question: text, purpose } = question
  if (kind === 'choice') return <Choice question={question} />
  if (kind === 'boolean') return <Radios name={id} legend={text} labels={['Yes', 'No']} />
  const type = { text: 'text', number: 'number', secret: 'password' }[kind]
  return (
    <label>
      {text} {purpose}
      <input name={id} type={type} step="any" required autoComplete="off" />
    </label>
  )
}

type RadiosProps = { name: string; legend: string; labels: readonly string[] }

const Radios = ({ name, legend, labels }: RadiosProps) => (
  <fieldset>
    <legend>{legend}</legend>
    {labels.map((label) => (
      <label key={label}>
        <input type="radio" name={name} value={label} required /> {label}
      </label>
    ))}
  </fieldset>
)

function Choice({ question }: { question: Question }) {
  const { id, question: text, options = [], multi_select, allow_other = true } = question
  return (
    <fieldset>
      <legend>{text}</legend>
      {options.map(({ label, description }) => (
        <label key={label}>
          <input type={multi_select ? 'checkbox' : 'radio'} name={id} value={label} /> {label}{' '}
          {description}
        </label>
      ))}
      {allow_other && (
        <label>
          Other <input name={`${id} other`} />
        </label>
      )}
    </fieldset>
  )
}
