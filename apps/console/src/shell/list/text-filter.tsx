import { TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useEffect, useState } from 'react'

type TextFilterProps = {
  label: string
  placeholder: string
  value: string | undefined
  onChange: (text: string | undefined) => void
  /** In characters; default: 200. */
  lengthMax?: number
  className?: string
}

/** A text filter that applies 250 ms after the last key. */
export function TextFilter({
  label,
  placeholder,
  value,
  onChange,
  lengthMax = 200,
  className,
}: TextFilterProps) {
  const [text, setText] = useState(value ?? '')
  const publish = useDebouncedCallback((now: string) => onChange(now.trim() || undefined), 250)
  useEffect(
    () => setText((before) => (before.trim() === (value ?? '') ? before : (value ?? ''))),
    [value],
  )
  return (
    <TextInput
      size="xs"
      aria-label={label}
      placeholder={placeholder}
      maxLength={lengthMax}
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value)
        publish(currentTarget.value)
      }}
      {...(className && { className })}
    />
  )
}
