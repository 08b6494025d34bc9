import { Button, Group, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useRef } from 'react'
import { sentenceOf } from '../../errors.ts'

const commentMax = 4_000

type FormProps = {
  text: string
  setText: (text: string) => void
  close: () => void
  save: (comment: string) => Promise<unknown>
}

/** The form for the comment of a rating. */
export function CommentForm({ text, setText, close, save }: FormProps) {
  const form = useRef<HTMLFormElement>(null)
  /** The form disappears. Keyboard users continue from the rating. */
  function leave() {
    const reply = form.current?.closest('.answered')
    reply?.querySelector<HTMLElement>('.thumbs [aria-pressed="true"]')?.focus()
    close()
  }
  const saving = useMutation({ mutationFn: () => save(text.trim()), onSuccess: leave })
  return (
    <form
      ref={form}
      className="feedback-form"
      onSubmit={(event) => {
        event.preventDefault()
        saving.mutate()
      }}
    >
      <Textarea
        aria-label="Comment"
        placeholder="Reason (optional)"
        autosize
        minRows={1}
        maxRows={8}
        maxLength={commentMax}
        value={text}
        autoFocus
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => event.key === 'Escape' && leave()}
      />
      {saving.isError && <div role="alert">{sentenceOf(saving.error)}</div>}
      <Group gap="xs" justify="flex-end" mt={8}>
        <Button size="xs" variant="default" onClick={leave}>
          Cancel
        </Button>
        <Button size="xs" type="submit" loading={saving.isPending}>
          Save comment
        </Button>
      </Group>
    </form>
  )
}
