// Where the pages find Firebase. This is the one thing to change for a site of one's own.
//
// Nothing here is secret: every visitor's browser gets it. What protects the data is
// database.rules.json.
export const config = {
  // From the Firebase console: Project settings, Your apps, Config.
  firebase: {
    apiKey: "any",
    projectId: "demo-imbari",
  },

  // `imbari-chat emulator start`, or Google's emulators. null: the live project.
  emulator: { auth: "127.0.0.1:9099", database: "127.0.0.1:9000" },

  // Where the SDK comes from: Google's CDN, or a folder of one's own with the same files.
  sdk: "https://www.gstatic.com/firebasejs/12.19.0",
};
