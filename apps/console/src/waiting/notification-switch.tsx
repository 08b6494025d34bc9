import { Switch } from '@mantine/core'
import { useState } from 'react'
import { areOn, canNotify, turnOff, turnOn } from './notifications.ts'

/** Turns notifications of this browser on or off. The browser asks the user on the first use. */
export function NotificationSwitch() {
  const [isOn, setOn] = useState(areOn)
  if (!canNotify()) return null
  return (
    <Switch
      size="xs"
      label="Notify me"
      checked={isOn}
      onChange={async ({ currentTarget: { checked } }) => {
        if (!checked) turnOff()
        setOn(checked && (await turnOn()))
      }}
    />
  )
}
