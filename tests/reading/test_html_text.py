from __future__ import annotations

import pytest

from cds_service.reading import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>Liver: <b>no</b> metastasis.</p>", "Liver: no metastasis.", id="inline-markup"),
        pytest.param("a <i>b</i>c", "a bc", id="blanks-kept"),
        pytest.param("<p>One</p><p>Two</p>", "One\nTwo", id="blocks-are-lines"),
        pytest.param("one<br/>two<br>three", "one\ntwo\nthree", id="breaks"),
        pytest.param("<ul><li>cyst</li><li>mass</li></ul>", "- cyst\n- mass", id="list"),
        pytest.param("<table><tr><td>Liver</td><td>normal</td></tr></table>", "Liver normal", id="cells"),
        pytest.param("<style>p {x}</style><script>no()</script>text", "text", id="script-and-style-dropped"),
        pytest.param("<head><title>x<br/></title><b></head>text", "text", id="all-of-the-head-dropped"),
        pytest.param("K&auml;se &lt;5 mm &#62;", "K\u00e4se <5 mm >", id="references"),
        pytest.param("<pre>Findings\nnormal</pre>x\ny", "Findings\nnormal\nx y", id="pre-keeps-lines"),
        pytest.param("</pre>a\nb", "a b", id="stray-end-tag"),
        pytest.param("<b/>x<span/>y", "xy", id="empty-inline-tags"),
        pytest.param("<!-- adenocarcinoma --><p>none</p>", "none", id="comment-dropped"),
        pytest.param("a<p>b<", "a\nb<", id="broken-tag"),
        pytest.param("", "", id="empty"),
    ],
)
def test_reduces_html(html: str, text: str) -> None:
    assert html_to_text(html) == text
