import { useLayoutEffect, useRef } from 'react'
import { Composer } from '../sessions/composer.tsx'
import { Item } from '../sessions/items.tsx'
import { useTranscript } from '../sessions/use-transcript.ts'
import { Failure } from '../shell/screen.tsx'

/** A conversation beside something else. */
export function Talk({ sessionId }: { sessionId: string }) {
  const { transcript, isLoaded, error } = useTranscript(sessionId)
  const box = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever was added moved the end
  useLayoutEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [transcript])
  if (error) return <Failure error={error} />
  return (
    <>
      <div ref={box} className="scroll">
        <div className="conversation" role="log" aria-busy={!isLoaded}>
          {transcript.sections.flat().map((item) => (
            <Item key={item.key} item={item} sessionId={sessionId} />
          ))}
        </div>
      </div>
      <Composer sessionId={sessionId} isActive={transcript.status === 'active'} />
    </>
  )
}
