const pattern = /^[A-Za-z0-9_+=,.@-]{1,64}$/;

/** Whether a text can be the name of an IAM user: the characters of CreateUser, the length of the IAM quotas. */
export function isIamUserName(text: string): boolean {
  return pattern.test(text);
}
