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
