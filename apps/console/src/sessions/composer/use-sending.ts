import type { Controls, OnBusy } from '@outlast/sdk'
import { useEffect, useRef, useState } from 'react'
import { sentenceOf } from '../../errors.ts'
import type { Attachments } from './attachments.ts'
import { contentOf } from './content.ts'
import { type ChangeDraft, type MessageDraft, removeSent, withoutSent } from './drafts.ts'
import { acceptMessage } from './outbox.ts'

export type Busy = Exclude<OnBusy, 'reject'>

type Written = {
  sessionId: string
  draft: MessageDraft
  change: ChangeDraft
  attachments: Attachments
}

/**
 * Sends the draft. Clears the composer once the message is stored, and keeps text that was typed
 * in the meantime. A second send is performed after the first.
 */
export function useSending(written: Written) {
  const latest = useRef(written)
  latest.current = written
  const [isSaving, setSaving] = useState(false)
  const [problem, setProblem] = useState('')
  const next = useRef<Busy>(undefined)

  async function save(onBusy: Busy) {
    const { sessionId, draft, change, attachments } = latest.current
    const sent = attachments.all.map(({ key }) => key)
    const message = { role: 'user' as const, content: contentOf(draft.text, attachments.all) }
    const controls = controlsOf(draft)
    setSaving(true)
    setProblem('')
    try {
      await acceptMessage(sessionId, { message, on_busy: onBusy, ...(controls && { controls }) })
      removeSent(sessionId, draft.text)
      change((before) => ({ text: withoutSent(before.text, draft.text) }))
      for (const key of sent) attachments.remove(key)
    } catch (error) {
      next.current = undefined
      setProblem(sentenceOf(error))
    }
    setSaving(false)
  }

  function send(onBusy: Busy) {
    if (!isSendable(latest.current)) return
    if (isSaving) next.current = onBusy
    else void save(onBusy)
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: runs after the previous send
  useEffect(() => {
    const onBusy = next.current
    if (isSaving || !onBusy) return
    next.current = undefined
    send(onBusy)
  }, [isSaving])

  return { send, isSendable: isSendable(written), isSaving, problem }
}

const isSendable = ({ draft, attachments: { all } }: Written) =>
  all.every(({ state }) => state === 'ready') && (draft.text.trim() !== '' || all.length > 0)

function controlsOf({ modelId, effort }: MessageDraft) {
  if (!modelId && !effort) return undefined
  return {
    ...(modelId && { model_id: modelId }),
    ...(effort && { reasoning: { effort } }),
  } satisfies Controls
}
