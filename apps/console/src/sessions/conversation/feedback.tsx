import './feedback.css'
import { Button, Group } from '@mantine/core'
import type { AgentMessage, Feedback } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Suspense } from 'react'
import { outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { meQuery, useMay } from '../../queries/me.ts'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { Action } from '../parts/action.tsx'
import { useKept } from '../parts/kept.tsx'
import { usePlace } from '../parts/session-place.tsx'

const CommentForm = lazyPart(() =>
  import('./comment-form.tsx').then((all) => ({ default: all.CommentForm })),
)

const ratings = {
  up: { label: 'Good reply', given: 'Withdraw “Good reply”', icon: 'thumb-up' },
  down: { label: 'Bad reply', given: 'Withdraw “Bad reply”', icon: 'thumb-down' },
} as const

type Given = { rating: 'up' | 'down' | null; comment?: string }

/** The thumbs of a reply. The log decides which one is filled. */
export function Thumbs({ of: { give, own, comment = '', setComment } }: { of: OwnFeedback }) {
  if (!useMay('member')) return null
  const rate = (rating: 'up' | 'down') => {
    const isGiven = own?.rating === rating
    setComment(isGiven ? undefined : comment)
    give.mutate({ rating: isGiven ? null : rating })
  }
  return (
    <Group className="message-actions thumbs" gap={2} data-given={own !== undefined}>
      {(['up', 'down'] as const).map((rating) => {
        const isGiven = own?.rating === rating
        const { label, given, icon } = ratings[rating]
        return (
          <Action
            key={rating}
            label={isGiven ? given : label}
            icon={icon}
            isOn={isGiven}
            onClick={() => rate(rating)}
            isBusy={give.isPending && give.variables.rating === rating}
          />
        )
      })}
      {give.isError && <span role="alert">{sentenceOf(give.error)}</span>}
    </Group>
  )
}

/** The form for the comment of the own rating, and the ratings of others. */
export function FeedbackLines({ of }: { of: OwnFeedback }) {
  const { all, give, own, isOwn, comment, setComment } = of
  const shown = all.filter((one) => one.comment !== undefined || !isOwn(one))
  return (
    <>
      <Suspense>
        {own && comment !== undefined && (
          <CommentForm
            key={own.rating}
            text={comment}
            setText={setComment}
            close={() => setComment(undefined)}
            save={(saved) => give.mutateAsync({ rating: own.rating, comment: saved })}
          />
        )}
      </Suspense>
      {shown.map((one) => (
        <div key={`${one.given_by.kind} ${one.given_by.id}`} className="feedback-line">
          <span className="feedback-giver">
            {nameOf(one)}: {one.rating === 'up' ? 'good reply' : 'bad reply'}
          </span>
          {one.comment && <span className="feedback-comment">{one.comment}</span>}
          {isOwn(one) && comment === undefined && (
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={() => setComment(one.comment ?? '')}
            >
              Edit
            </Button>
          )}
        </div>
      ))}
    </>
  )
}

/** The token of a session has the session for a name. */
const nameOf = ({ given_by: { kind, name } }: Feedback) =>
  kind === 'token' ? 'Session token' : name

type OwnFeedback = ReturnType<typeof useOwnFeedback>

/** The ratings of a reply, and changes of the viewer's own one. */
export function useOwnFeedback({ id, feedback }: AgentMessage) {
  const { sessionId } = usePlace()
  const [comment, setComment] = useKept<string | undefined>(`comment ${id}`, undefined)
  const { data: me } = useQuery(meQuery)
  const give = useMutation({
    mutationFn: (given: Given) =>
      outlast.sessions.giveFeedback(sessionId, { message_id: id!, ...given }),
  })
  const isOwn = ({ given_by, message_id }: Feedback) =>
    message_id !== undefined &&
    (me ? given_by.kind === 'user' && given_by.id === me.id : given_by.kind === 'anonymous')
  return { all: feedback, give, isOwn, own: feedback.find(isOwn), comment, setComment }
}
