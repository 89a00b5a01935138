'use server'

import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { addPost } from '../../lib/posts'

// A server action that ends in a redirect, which is an exception: the token's cookie is with the answer all the same.
export async function publish(form: FormData): Promise<void> {
  const post = await addPost(String(form.get('title')))
  const jar = await cookies()
  jar.set('last-post', String(post.id))
  redirect('/actions')
}
