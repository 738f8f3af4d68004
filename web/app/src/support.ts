/* support.ts - can this browser be in a room? Older ones are helped by webrtc-adapter, fetched only by them. */

function hasUnifiedWebRtc(): boolean {
  return (
    typeof RTCPeerConnection !== "undefined" &&
    "addTransceiver" in RTCPeerConnection.prototype &&
    typeof RTCRtpSender !== "undefined" &&
    "replaceTrack" in RTCRtpSender.prototype &&
    navigator.mediaDevices !== undefined
  );
}

/** False: no voice here, whatever we do. A page without https has no microphone, and can listen all the same. */
export async function prepareBrowser(): Promise<boolean> {
  if (hasUnifiedWebRtc()) {
    return true;
  }
  if (typeof RTCPeerConnection !== "undefined" && !isSecureContext) {
    return "addTransceiver" in RTCPeerConnection.prototype;
  }
  await import("webrtc-adapter").catch(() => {});
  return typeof RTCPeerConnection !== "undefined" && "addTransceiver" in RTCPeerConnection.prototype && typeof WebSocket !== "undefined";
}
