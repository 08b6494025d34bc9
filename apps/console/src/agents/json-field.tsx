import { Textarea } from '@mantine/core'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useProblem } from './problems.ts'

type JsonProps = {
  label: string
  description?: ReactNode
  path: string
  value: unknown
  onChange: (value: unknown) => void
}

const written = (value: unknown) => (value === undefined ? '' : JSON.stringify(value, null, 2))

/** A value as JSON. What is no JSON is told here, and keeps its form from being sent. */
export function JsonField({ label, description, path, value, onChange }: JsonProps) {
  const [text, setText] = useState(() => written(value))
  const [problem, setProblem] = useState('')
  const said = useProblem(path, true)
  const area = useRef<HTMLTextAreaElement>(null)
  const told = useRef(value)
  useEffect(() => {
    if (JSON.stringify(told.current) === JSON.stringify(value)) return
    told.current = value
    setText(written(value))
  }, [value])
  useEffect(() => area.current?.setCustomValidity(problem), [problem])

  function change(next: string) {
    setText(next)
    try {
      const read = next.trim() === '' ? undefined : JSON.parse(next)
      setProblem('')
      told.current = read
      onChange(read)
    } catch (error) {
      setProblem((error as Error).message)
    }
  }

  return (
    <Textarea
      ref={area}
      size="xs"
      label={label}
      description={description}
      error={problem || said}
      value={text}
      onChange={({ currentTarget }) => change(currentTarget.value)}
      autosize
      minRows={2}
      maxRows={16}
      spellCheck={false}
      classNames={{ input: 'code-input' }}
    />
  )
}
