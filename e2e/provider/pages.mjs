// The pages that a person sees: signing in, consenting, signing out, and what went wrong. Plain forms without scripts,
// with stable ids, for browsers and HTTP clients alike.

import { createHash } from 'node:crypto';

const style = `
:root { color-scheme: light dark; --page: #eef1f6; --card: #fff; --text: #1b2330; --soft: #566176; --line: #c9d1de; --accent: #2457c5; --on-accent: #fff; --error: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1c222c; --text: #e8ecf3; --soft: #a3aec0; --line: #3a4454; --accent: #8ab0ff; --on-accent: #0c1a36; --error: #ff9a91; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1.25rem; overflow-wrap: anywhere; }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
input { display: block; width: 100%; margin-bottom: 1rem; padding: .6rem .75rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--soft); border-radius: .4rem; }
ul { margin: 0 0 1.5rem; padding: 0; list-style: none; border-top: 1px solid var(--line); }
li { padding: .6rem 0; border-bottom: 1px solid var(--line); }
code { display: block; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.buttons { display: flex; flex-direction: row-reverse; gap: .75rem; margin-top: .5rem; }
button { flex: 1; padding: .65rem 1rem; font: inherit; font-weight: 600; color: var(--accent); background: transparent; border: 1px solid var(--accent); border-radius: .4rem; cursor: pointer; }
button.primary { color: var(--on-accent); background: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error h1 { color: var(--error); }
.note { margin: 1.5rem 0 0; color: var(--soft); font-size: .875rem; }
`;

const hash = createHash('sha256').update(style).digest('base64');
const escapes = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;',
};
const safe = (text) => String(text ?? '').replace(/[&<>"']/g, (c) => escapes[c]);

// render answers with a page. There is no form-action in the policy: browsers apply it to the redirect that follows a
// form as well, and that one leads to the application.
function render(ctx, title, body, kind = '') {
  ctx.type = 'html';
  ctx.set('cache-control', 'no-store');
  ctx.set('content-security-policy', `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; frame-ancestors 'none'`);
  ctx.body = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${safe(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main class="${kind}">
<h1>${safe(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

export function login(ctx, { action, client, hint }) {
  render(ctx, 'Sign in', `<p>to continue to <strong>${safe(client)}</strong></p>
<form id="login-form" method="post" action="${safe(action)}">
<label for="username">User name</label>
<input id="username" name="username" value="${safe(hint)}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<div class="buttons">
<button id="sign-in" class="primary" name="decision" value="allow">Sign in</button>
<button id="cancel" name="decision" value="deny" formnovalidate>Cancel</button>
</div>
</form>
<p class="note">A test server: any user name and any password will do.</p>`);
}

const meanings = {
  openid: 'Know who you are',
  profile: 'See your name',
  email: 'See your e-mail address',
  offline_access: 'Keep its access while you are away',
};

export function consent(ctx, { action, client, user, scopes, apis }) {
  const items = scopes.map((scope) => `<li>${safe(meanings[scope] ?? 'Use')}<code>${safe(scope)}</code></li>`);
  for (const [api, names] of apis) {
    items.push(`<li>Use ${safe(api)} on your behalf<code>${safe(names.join(' '))}</code></li>`);
  }
  if (items.length === 0) {
    items.push('<li>Keep what you have allowed before</li>');
  }
  render(ctx, `Allow ${client}?`, `<p>You are signed in as <strong id="user">${safe(user)}</strong>. ${safe(client)} would like to:</p>
<ul id="scopes">
${items.join('\n')}
</ul>
<form id="consent-form" method="post" action="${safe(action)}">
<div class="buttons">
<button id="allow" class="primary" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button>
</div>
</form>`);
}

// logout puts its buttons beside the form that oidc-provider hands in, whose id is op.logoutForm.
export function logout(ctx, { form, client }) {
  render(ctx, 'Sign out?', `<p>${client ? `<strong>${safe(client)}</strong> asks to sign you out here as well.` : 'You will have to sign in again.'}</p>
${form}
<div class="buttons">
<button id="sign-out" class="primary" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button id="stay" form="op.logoutForm">Stay signed in</button>
</div>`);
}

export function loggedOut(ctx) {
  render(ctx, 'Signed out', '<p>You can close this page now.</p>');
}

export function failure(ctx, { error, error_description: description }) {
  render(ctx, 'Something went wrong', `<p id="description">${safe(description)}</p>
<p class="note">Error: <span id="error">${safe(error)}</span></p>`, 'error');
}
