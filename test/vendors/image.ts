import type { WireType } from './wires/index.ts'

/** A PNG of 64 by 64 pixels of plain red. */
export const redImage =
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAS0lEQVR42u3PQQkAAAgAsetfWiP4FgYrsKZeS0BAQEBAQEBAQEBAQEBAQEBA' +
  'QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEDgsqnc8OJg6Ln3AAAAAElFTkSuQmCC'

const media_type = 'image/png'

/** The red image in a provider's form, as bytes. */
export function inlinedImage(type: WireType): object {
  const image_url = `data:${media_type};base64,${redImage}`
  const forms: Record<WireType, object> = {
    openai: { type: 'input_image', image_url },
    azure_openai: { type: 'input_image', image_url },
    openai_completions: { type: 'image_url', image_url: { url: image_url } },
    anthropic: { type: 'image', source: { type: 'base64', media_type, data: redImage } },
    google: { inlineData: { mimeType: media_type, data: redImage } },
  }
  return forms[type]
}

/** Images of 8 by 8 pixels that decoders read, of each type and of its common forms. */
export const smallImages: [media_type: string, base64: string][] = [
  ['image/png', redImage],
  [
    'image/jpeg',
    '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1td' +
      'hbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABf/EABoQAAAHAAAAAAAAAAAA' +
      'AAAAADE0cXOxs+L/2gAIAQEAAD8AANP2alR//9k=',
  ],
  [
    // Progressive: several scans.
    'image/jpeg',
    '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1td' +
      'hbWGkJ6jq62rZ4C8ybqmx5moq6T/wgALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABf/aAAgBAQAAAAE//8QAFRAB' +
      'AQAAAAAAAAAAAAAAAAAAADL/2gAIAQEAAQUCp//EABYQAAMAAAAAAAAAAAAAAAAAAABhsf/aAAgBAQAGPwJ0/8QAFhABAQEA' +
      'AAAAAAAAAAAAAAAA8AAx/9oACAEBAAE/IWbf/9oACAEBAAAAEP8A/8QAFxAAAwEAAAAAAAAAAAAAAAAAMXHw4f/aAAgBAQAB' +
      'PxCZpn//2Q==',
  ],
  [
    'image/gif',
    'R0lGODdhCAAIAIEAAMjIyAAAAAAAAAAAACwAAAAACAAIAAAIGAABBBhIcKDAggQPIgygEGHDgg8TLjQYEAA7',
  ],
  [
    // Animated.
    'image/gif',
    'R0lGODdhCAAIAIEAAMjIyAAAAAAAAAAAACwAAAAACAAIAAAIGAABBBhIcKDAggQPIgygEGHDgg8TLjQYEAAh+QQBAAACACwA' +
      'AAAACAAIAIHIyMgAAAAAAAAAAAAIHgADCBhIEIAAgQUJIjRI8CDDhgAQJjw4caDAhwoDAgA7',
  ],
  [
    'image/webp',
    'UklGRjoAAABXRUJQVlA4IC4AAADQAQCdASoIAAgABUB8JaQAEMAFCXyhwAD+43eO85vE7nNvZvOHCZvyYDTgAAAA',
  ],
  [
    // Lossless.
    'image/webp',
    'UklGRi4AAABXRUJQVlA4TCIAAAAvB8ABAA8wyIM8yPMfeFDURgqc3V3OJxKQgjQi+h+U9+w9',
  ],
  [
    // Animated.
    'image/webp',
    'UklGRq4AAABXRUJQVlA4WAoAAAASAAAABwAABwAAQU5JTQYAAAAAAAAAAABBTk1GOgAAAAAAAAAAAAcAAAcAAAAAAAJWUDhM' +
      'IgAAAC8HwAEADzDIgzzI8x94UNRGCpzdXc4nEpCCNCL6H5T37D1BTk1GQAAAAAAAAAAAAAcAAAcAAAAAAABWUDhMJwAAAC8H' +
      'wAEQFzDIgzzI8x+AB8WMJMHRvXefgzAog7YR/Q//Ik7xzjqEAAA=',
  ],
]
