// For browsers that do not know modules: nothing else of the page runs there.
document.getElementById('app').innerHTML =
  '<h1>This browser is too old for voice calls</h1><p>Open this address in a recent Firefox, Chrome, Edge or Safari.</p>';
