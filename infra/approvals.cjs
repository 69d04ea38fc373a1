// Whether large reveals need an approval, by the parameter revealApprovalAbove, and what follows from that.
const arn = (resource) => ({ 'Fn::GetAtt': [resource, 'Arn'] });

module.exports = async ({ resolveVariable }) => {
  const isOn = String(await resolveVariable('param:revealApprovalAbove')) !== '';
  return {
    // infra/approvals-on has the functions and resources
    state: isOn ? 'on' : 'off',
    topicArn: isOn ? { Ref: 'ApprovalTopic' } : '',
    // those whose functions open data keys
    revealRoles: [
      { 'Fn::If': ['DirectReveal', arn('RevealRole'), { Ref: 'AWS::NoValue' }] },
      arn('RevealUrlRole'),
      ...(isOn ? [arn('BreakGlassRole')] : []),
    ],
  };
};
